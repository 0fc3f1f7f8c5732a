"""The colours of the terminal, each readable on black and on white."""

FAINT = "#767676"
"""What matters less. The terminal's own "dim" is hard to read on either background."""
ACCENT = "#008787"
GOOD = "#008700"
WARNING = "#af5f00"
BAD = "#d70000"
LAYERS = {
    "persona": "#af00af",
    "summary": "#5f5fff",
    "buffer": ACCENT,
    "entities": WARNING,
    "memories": GOOD,
    "reply_reserve": FAINT,
}
"""The parts of a prompt, in its order."""
