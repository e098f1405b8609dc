"""Programs that run beside an endpoint, in processes of their own: model servers and what they keep of the requests."""
