"""The description of the API in OpenAPI 3.1, made from the declarations."""
