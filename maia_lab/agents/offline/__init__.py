"""The experimenter that needs no model and no key."""
