"""Provider adapters: one file per wire format, pure transforms, registered by ``kind``."""
