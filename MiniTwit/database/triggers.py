"""Triggers: they set `changed_at`, tell the watch-list about edits, and protect the log of decisions.

The database sets `changed_at`, so that no program that changes a row can forget it. Every UPDATE that alters a row's
data stamps the row; nothing else can write the stamp. The legacy import is the one exception: its transaction sets
`minitwit.importing` to `on` and leaves the stamp alone, because a row that the import brings or refreshes has not
been changed in this application.
"""

IMPORTING_SETTING = "minitwit.importing"

# The arguments are the columns that do not count as a change of the row. Without any the rows are compared as they
# are, which takes a fifth of the time.
CREATE_FUNCTION = """
CREATE OR REPLACE FUNCTION minitwit_track_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := OLD.changed_at;
    IF NEW IS DISTINCT FROM OLD
        AND (TG_NARGS = 0 OR to_jsonb(NEW) - TG_ARGV IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV)
    THEN
        NEW.changed_at := clock_timestamp();
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

# After every edit of a message the watch-list looks through it again. Without an active term there is nothing to
# look for, and a term that is new or active again is looked for in all messages anyway. A hit keeps a copy of the
# date.
CREATE_EDIT_FUNCTION = """
CREATE FUNCTION minitwit_note_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.text IS DISTINCT FROM OLD.text THEN
        INSERT INTO "MiniTwit_editedmessage" (message_id)
        SELECT NEW.id WHERE EXISTS (SELECT FROM "MiniTwit_watchterm" WHERE active);
    END IF;
    IF NEW.pub_date IS DISTINCT FROM OLD.pub_date THEN
        UPDATE "MiniTwit_watchhit" SET pub_date = NEW.pub_date WHERE message_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$
"""
DROP_EDIT_FUNCTION = "DROP FUNCTION minitwit_note_edit()"
CREATE_EDIT_TRIGGER = """
CREATE TRIGGER minitwit_message_edited AFTER UPDATE OF text, pub_date ON "MiniTwit_message" FOR EACH ROW
WHEN ((NEW.text, NEW.pub_date) IS DISTINCT FROM (OLD.text, OLD.pub_date)) EXECUTE FUNCTION minitwit_note_edit()
"""
DROP_EDIT_TRIGGER = 'DROP TRIGGER minitwit_message_edited ON "MiniTwit_message"'

# The one change that the log allows, when an account is erased on request or a message is deleted permanently: the
# free text of moderators and the texts of edited messages may be struck out. Everything else in an event is a number,
# a date or a term of the back office.
ERASED_NOTE = "(erased on request)"

CREATE_LOG_FUNCTION = f"""
CREATE FUNCTION minitwit_keep_log() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    struck_out CONSTANT jsonb := '"{ERASED_NOTE}"';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - '{{note,before,after}}'::text[] = to_jsonb(OLD) - '{{note,before,after}}'::text[]
            AND NEW.note IN (OLD.note, '{ERASED_NOTE}')
            AND (NEW.before = OLD.before OR NEW.before = jsonb_set(OLD.before, '{{text}}', struck_out, false))
            AND (NEW.after IS NOT DISTINCT FROM OLD.after
                OR NEW.after = jsonb_set(OLD.after, '{{text}}', struck_out, false))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'The log of decisions cannot be changed or deleted.' USING ERRCODE = 'restrict_violation';
END
$$
"""
DROP_LOG_FUNCTION = "DROP FUNCTION minitwit_keep_log()"
CREATE_LOG_TRIGGER = """
CREATE TRIGGER minitwit_event_kept BEFORE UPDATE OR DELETE ON "MiniTwit_moderationevent" FOR EACH ROW
EXECUTE FUNCTION minitwit_keep_log()
"""
DROP_LOG_TRIGGER = 'DROP TRIGGER minitwit_event_kept ON "MiniTwit_moderationevent"'
CREATE_LOG_TRUNCATE_TRIGGER = """
CREATE TRIGGER minitwit_event_not_truncated BEFORE TRUNCATE ON "MiniTwit_moderationevent" FOR EACH STATEMENT
EXECUTE FUNCTION minitwit_keep_log()
"""
DROP_LOG_TRUNCATE_TRIGGER = 'DROP TRIGGER minitwit_event_not_truncated ON "MiniTwit_moderationevent"'

# The dashboard reads how many decisions were made on each day. The rows are sorted, so that two transactions that
# count the same days do it in the same order.
CREATE_COUNT_FUNCTION = """
CREATE FUNCTION minitwit_count_decisions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "MiniTwit_dailydecisions" AS daily (day, verb, actor_name, number)
    SELECT (created_at AT TIME ZONE 'UTC')::date, verb, actor_name, count(*) FROM decided
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (day, verb, actor_name) DO UPDATE SET number = daily.number + excluded.number;
    RETURN NULL;
END
$$
"""
DROP_COUNT_FUNCTION = "DROP FUNCTION minitwit_count_decisions()"
CREATE_COUNT_TRIGGER = """
CREATE TRIGGER minitwit_event_counted AFTER INSERT ON "MiniTwit_moderationevent" REFERENCING NEW TABLE AS decided
FOR EACH STATEMENT EXECUTE FUNCTION minitwit_count_decisions()
"""
DROP_COUNT_TRIGGER = 'DROP TRIGGER minitwit_event_counted ON "MiniTwit_moderationevent"'
