"""Middleware and views for what happens to a request before and after its page: limits, proxies, refusals."""
