"""The built-in models that need no key and no network: `chat` answers, `memory` remembers."""
