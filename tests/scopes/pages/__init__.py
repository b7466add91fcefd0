"""A tenant app with templates in rows."""
