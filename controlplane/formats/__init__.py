"""How the admin writes dates and times: as all other pages do."""
