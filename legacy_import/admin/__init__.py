"""Admin screens of the legacy import: the start pages, a run's page and the history."""

from legacy_import.admin.import_runs import ImportRunAdmin
