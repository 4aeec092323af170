"""What has been: records what ticks find, reads it back, sums it up and exports it."""
