"""Who is calling: `identity` checks tokens with the `keys`."""
