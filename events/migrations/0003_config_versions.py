"""Nothing of a configuration changes unseen: not by bulk statements, not by SQL of one's own.

- A change of mapping rows or event triggers marks the connector as stale. The connector's row is locked in any case,
  also when it is stale already, so that a version published meanwhile waits for the change to be committed.
- A change of a versioned column of a connector marks it as well. A model saved as a whole brings the version and the
  mark that it was loaded with; these are put right, since only publishing (which writes NULL to is_stale) may set them.
- Versions are never changed.
"""

from django.db import migrations

VERSIONED = (
    "name", "platform", "settings", "outbound_create", "write_back_field", "max_attempts", "conflict_policy",
    "hop_limit", "requests_per_minute", "burst", "max_concurrent",
)
TABLES = ("mappings_fieldmapping", "events_eventtrigger")

PARTS_FUNCTION = """
CREATE FUNCTION broker_configuration_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        changed := ARRAY(SELECT DISTINCT connector_id FROM new_rows);
    ELSIF TG_OP = 'DELETE' THEN
        changed := ARRAY(SELECT DISTINCT connector_id FROM old_rows);
    ELSE
        changed := ARRAY(SELECT connector_id FROM new_rows UNION SELECT connector_id FROM old_rows);
    END IF;
    IF cardinality(changed) > 0 THEN
        PERFORM 1 FROM connectors_connector WHERE id = ANY(changed) ORDER BY id FOR NO KEY UPDATE;
        UPDATE connectors_connector SET is_stale = true WHERE id = ANY(changed) AND NOT is_stale;
    END IF;
    RETURN NULL;
END $$
"""

CONNECTOR_FUNCTION = f"""
CREATE FUNCTION broker_connector_versioned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.is_stale IS NULL THEN
        NEW.is_stale := false;
    ELSE
        NEW.version := OLD.version;
        NEW.is_stale := OLD.is_stale OR NEW.is_stale OR
            ({", ".join(f"OLD.{column}" for column in VERSIONED)}) IS DISTINCT FROM
            ({", ".join(f"NEW.{column}" for column in VERSIONED)});
    END IF;
    RETURN NEW;
END $$
"""

IMMUTABLE_FUNCTION = """
CREATE FUNCTION broker_version_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A configuration version is never changed.' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

REFERENCING = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}


def parts_trigger(table, act):
    name = f"configuration_{act.lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} AFTER {act} ON {table} REFERENCING {REFERENCING[act]} "
        "FOR EACH STATEMENT EXECUTE FUNCTION broker_configuration_changed()",
        f"DROP TRIGGER {name} ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("connectors", "0002_trusted_delivery"),
        ("mappings", "0002_trusted_delivery"),
        ("events", "0002_trusted_delivery"),
    ]

    operations = [
        migrations.RunSQL(PARTS_FUNCTION, "DROP FUNCTION broker_configuration_changed()"),
        migrations.RunSQL(CONNECTOR_FUNCTION, "DROP FUNCTION broker_connector_versioned()"),
        migrations.RunSQL(IMMUTABLE_FUNCTION, "DROP FUNCTION broker_version_immutable()"),
        *(parts_trigger(table, act) for table in TABLES for act in REFERENCING),
        migrations.RunSQL(
            "CREATE TRIGGER connector_versioned BEFORE UPDATE ON connectors_connector "
            "FOR EACH ROW EXECUTE FUNCTION broker_connector_versioned()",
            "DROP TRIGGER connector_versioned ON connectors_connector",
        ),
        migrations.RunSQL(
            "CREATE TRIGGER version_immutable BEFORE UPDATE ON events_configversion "
            "FOR EACH ROW EXECUTE FUNCTION broker_version_immutable()",
            "DROP TRIGGER version_immutable ON events_configversion",
        ),
    ]
