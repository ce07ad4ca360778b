# SPDX-License-Identifier: Apache-2.0
"""HTTP: one file per part of the interface."""
