"""Values, plans, actions and the events of applied actions. No framework, no I/O."""
