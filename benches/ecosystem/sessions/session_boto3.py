"""A client that is never called, its configuration, and conditions of a query."""

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.config import Config

config = Config(region_name="eu-north-1", retries={"max_attempts": 2}, signature_version="v4")
client = boto3.client("s3", aws_access_key_id="a", aws_secret_access_key="b", config=config)
condition = Key("id").eq(7) & Attr("name").begins_with("x")

CHECKS = {
    "config": "config.region_name, config.retries, config.signature_version",
    "client": "client.meta.region_name, client.meta.service_model.service_name, client.can_paginate('list_objects_v2')",
    "condition": "condition.expression_operator, [type(one).__name__ for one in condition.get_expression()['values']]",
}
