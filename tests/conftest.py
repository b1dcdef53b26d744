"""What all tests share. They run on a real PostgreSQL: the checkout's own, or the one in DATABASE_URL."""

import hypothesis

# A database that is busy elsewhere is no failure of the property under test.
hypothesis.settings.register_profile("minitwit", deadline=None)
hypothesis.settings.load_profile("minitwit")
