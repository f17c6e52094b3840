"""What is true and what can happen: values, plans, actions and the events of applied actions. No framework, no I/O."""
