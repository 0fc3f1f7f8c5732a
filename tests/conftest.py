"""Fixtures that every test may ask for. Nothing here is a test."""

from tests.redis_stack import redis_stack, redis_url

__all__ = ["redis_stack", "redis_url"]
