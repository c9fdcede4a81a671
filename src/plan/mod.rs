//! What has to change. Pure: the same inputs give the same plan, byte for byte.
