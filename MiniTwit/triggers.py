"""`changed_at` is kept by the database, so that no way of changing a row can forget it.

Every UPDATE that alters a row's data stamps it; nothing else can write it. The legacy import is the one exception:
its transaction says so (`SET LOCAL minitwit.importing = 'on'`) and leaves the stamp alone, for a row that the import
brought or refreshed has not been changed *here*.
"""

IMPORTING_SETTING = "minitwit.importing"

CREATE_FUNCTION = """
CREATE FUNCTION minitwit_track_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- The columns that do not count as a change of the row.
    uncounted CONSTANT text[] := coalesce(TG_ARGV, '{}');
BEGIN
    IF to_jsonb(NEW) - 'changed_at' - uncounted IS DISTINCT FROM to_jsonb(OLD) - 'changed_at' - uncounted THEN
        NEW.changed_at := clock_timestamp();
    ELSE
        NEW.changed_at := OLD.changed_at;
    END IF;
    RETURN NEW;
END
$$
"""
DROP_FUNCTION = "DROP FUNCTION minitwit_track_change()"

_CREATE_TRIGGER = """
CREATE TRIGGER {name} BEFORE UPDATE ON "{table}" FOR EACH ROW
WHEN (coalesce(current_setting('minitwit.importing', true), '') <> 'on')
EXECUTE FUNCTION minitwit_track_change({uncounted})
"""

CREATE_USER_TRIGGER = _CREATE_TRIGGER.format(
    name="minitwit_user_changed", table="MiniTwit_user", uncounted="'last_login'"
)
DROP_USER_TRIGGER = 'DROP TRIGGER minitwit_user_changed ON "MiniTwit_user"'
CREATE_MESSAGE_TRIGGER = _CREATE_TRIGGER.format(
    name="minitwit_message_changed", table="MiniTwit_message", uncounted=""
)
DROP_MESSAGE_TRIGGER = 'DROP TRIGGER minitwit_message_changed ON "MiniTwit_message"'
