"""Events on the WebSocket ``/v1/ws``, as soon as PostgreSQL has them."""
