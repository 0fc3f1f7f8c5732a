"""Work on all that somebody has: export, erase, migrate, reindex, recover."""
