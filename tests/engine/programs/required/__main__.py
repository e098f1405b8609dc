"""Asks for configuration of every kind that nobody set, and uses it."""

import pulumi

config = pulumi.Config()
other = pulumi.Config("other")
text = config.require("text")
number = config.require_int("number") + 1
flag = config.require_bool("flag")
secret = other.require_secret("secret")
thing = config.require_object("thing")["field"]
