"""Vision models that can be studied, behind a door of their own: torch lives here."""
