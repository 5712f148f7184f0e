//! Tests of the recipes for values.
