"""What happens to a request before and after a view: limits, proxies, and pages of refusals."""
