//! The only door to the operating system: files, commands, the lock, connections. It knows nothing of Docker or X.509.
