"""A text for a text: translations, or replies to messages."""
