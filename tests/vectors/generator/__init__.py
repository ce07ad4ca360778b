# SPDX-License-Identifier: Apache-2.0
"""Makes the golden vectors from fixed keys; see ../README.md."""
