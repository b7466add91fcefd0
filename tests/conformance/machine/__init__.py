"""A state machine over two tenants, and a model of what each must hold."""
