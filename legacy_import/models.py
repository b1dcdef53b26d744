"""What the import remembers: its runs, the rows it refused, and what undoing a run needs."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class ImportRun(models.Model):
    """One import, from the click on *preview* to its end. Only `legacy_import.runs.lifecycle` changes it."""

    class Kind(models.TextChoices):
        USERS = "users", "users"
        MESSAGES = "messages", "messages and follows"

    class State(models.TextChoices):
        STAGING = "staging", "reading"
        PREVIEWED = "previewed", "waiting for confirmation"
        APPLYING = "applying", "importing"
        APPLIED = "applied", "imported"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"
        SUPERSEDED = "superseded", "replaced by a newer preview"
        UNDONE = "undone", "undone"

    class Origin(models.TextChoices):
        ADMIN = "admin", "the admin"
        COMMAND = "command", "the command line"
        MIGRATION = "migration", "a migration"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.STAGING, db_default=State.STAGING)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.ADMIN, db_default=Origin.ADMIN)
    # The columns of JSON each have a class that reads and writes them, which their comment names.
    source = models.JSONField(default=dict)  # source.record.SourceRecord
    # Two runs are of the same old database when their keys are equal: a path, a URL or an upload's hash.
    source_key = models.TextField(default="", db_default="", db_index=True)
    # What staff chose. A run that follows another one takes all of it over.
    options = models.JSONField(default=dict)  # runs.records.Choices
    # What the preview found that the later steps need. No other run takes it over.
    findings = models.JSONField(default=dict)  # runs.records.Findings
    counts = models.JSONField(default=dict)  # {table: rules.options.TableCounts}
    samples = models.JSONField(default=dict)  # runs.records.Samples
    # What there is to choose from for the mapping. The mapping itself is in source.
    old_tables = models.JSONField(default=list)  # [source.recognition.table_profile.FoundTable, ...]
    audit = models.JSONField(default=dict)  # steps.audit.Audit
    progress = models.JSONField(default=dict)  # steps.progress.Position
    # What was compared after the rows were written.
    verification = models.JSONField(null=True)  # verify.Verification, with examples
    fingerprints = models.JSONField(default=dict)  # {table: steps.classify.Fingerprint}
    error_code = models.CharField(max_length=40, default="", db_default="")
    error_message = models.TextField(default="", db_default="")
    cancel_requested = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField("started", default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by_name = models.TextField("started by", default="", db_default="")
    picked_up_at = models.DateTimeField(null=True)  # when a worker took the current step
    previewed_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by_name = models.TextField(default="", db_default="")
    finished_at = models.DateTimeField(null=True)
    undo_requested_at = models.DateTimeField(null=True)
    undone_by_name = models.TextField(default="", db_default="")
    undo_result = models.JSONField(null=True)  # {table: steps.undo.UndoneTable}
    # seconds per step: {"staging": 1.5, "applying": 2.5, "verifying": 0.5}
    durations = models.JSONField(default=dict)

    class Meta:
        verbose_name = "import"
        default_permissions = ("view",)
        permissions = [
            ("run_legacy_import", "Can import the old database"),
            ("undo_legacy_import", "Can undo an import of the old database"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Import {self.pk} ({self.get_kind_display()})"

    @property
    def may_be_mapped(self) -> bool:
        """Whether another mapping can still lead to another preview."""
        return bool(self.old_tables) and self.state in (self.State.PREVIEWED, self.State.FAILED)


class RejectedRow(models.Model):
    """A row of the old database that an applied run did not import, with why. Passwords are not kept."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="rejected_rows")
    table = models.CharField(max_length=10)  # user, message or follower
    position = models.BigIntegerField()  # the row's place in the old table, from 1
    legacy_id = models.BigIntegerField(null=True)
    username = models.TextField(null=True)  # noqa: DJ001 -- null where the table has none
    reason = models.CharField(max_length=40)
    values = models.JSONField(default=dict)

    class Meta:
        default_permissions = ("view",)
        ordering = ["run", "table", "position"]
        indexes = [
            models.Index(fields=["run", "table", "position"], name="rejected_place"),
            models.Index(fields=["table", "legacy_id"], name="rejected_legacy_id"),
        ]

    def __str__(self) -> str:
        return f"{self.table} row {self.position}: {self.reason}"


class MergedUser(models.Model):
    """An old account that was merged into another of the same username (`--duplicates merge`)."""

    legacy_id = models.BigIntegerField(unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    import_run = models.IntegerField(db_index=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"old user {self.legacy_id} is now {self.user_id}"


class TextId(models.Model):
    """The text that an old id is, and the number that represents it; see `MiniTwit.text_ids`."""

    pk = models.CompositePrimaryKey("table", "legacy_id")
    table = models.CharField(max_length=10)  # user or message
    legacy_id = models.BigIntegerField()
    text = models.TextField()  # empty where the account was erased
    import_run = models.IntegerField()  # the first that read it

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.table} {self.text}"


class SourceMapping(models.Model):
    """Which old table and columns staff chose, to be used again for the same old database."""

    source_key = models.TextField()  # the place of the old database, or the fingerprint of an upload's schema
    old_table = models.CharField(max_length=10)  # user, message or follower
    mapping = models.JSONField()  # source.recognition.mapping.TableMapping
    chosen_at = models.DateTimeField(default=timezone.now)
    chosen_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    chosen_by_name = models.TextField(default="", db_default="")

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["source_key", "old_table"], name="one_mapping_per_table")]

    def __str__(self) -> str:
        return f"{self.old_table} of {self.source_key}"


class ReplacedRow(models.Model):
    """What a row held before a run changed it, so that undoing the run can put it back."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="replaced_rows")
    table = models.CharField(max_length=10)
    row_id = models.BigIntegerField()
    before = models.JSONField()

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["run", "table", "row_id"], name="replaced_place")]

    def __str__(self) -> str:
        return f"{self.table} {self.row_id} before run {self.run_id}"
