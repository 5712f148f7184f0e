# A syntax error: a string is not closed, after characters that are two columns wide.
wide = "日本語"; text = "open
