# SPDX-License-Identifier: Apache-2.0
"""Settings of the formats' tests."""

from hypothesis import settings

# Machines that run tests are busy: an example's time says nothing.
settings.register_profile("unitool", deadline=None)
settings.load_profile("unitool")
