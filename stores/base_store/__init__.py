"""What every long-term store of ours shares, whatever lies under it: batches, items, filters."""
