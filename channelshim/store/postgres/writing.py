"""What writes entities: a function in the database, so that a put is one round trip.

Theory: the transaction holds the advisory lock of each entity group that it writes or
has read, taken in one order, so none waits for one that waits for it. It shares the
lock of the catalogue, which whoever adds a kind or an index holds alone. PostgreSQL
gives each statement of a function that is VOLATILE a view of its own in READ COMMITTED:
what is read after the locks is what the transactions before it have committed. So
versions that are compared there cannot move before the commit, and nothing has to be
tried again.

An entity keeps its own index rows (row_indexes, row_values), so that nobody has to
decode the old body to find those that go. tests/store/test_against_dicts.py explores
it.
"""

from __future__ import annotations

from typing import Final

MOVED: Final = -1
"""What is returned in the place of versions: the catalogue has another epoch."""

CONFLICT: Final = -2
"""A group has another version; the number of which follows."""

TAKEN: Final = -3
"""An insert met an entity; the number of which follows."""

WRITING: Final = """
CREATE FUNCTION apply_writes(
    p_epoch bigint, p_now bigint, p_catalogue bigint, p_locks bigint[],
    p_watched_names bytea[], p_watched_roots bytea[], p_watched_versions bigint[],
    p_kinds bigint[], p_names bytea[], p_roots bytea[], p_paths bytea[],
    p_bodies bytea[], p_inserts boolean[], p_ends bigint[],
    p_indexes bigint[], p_values bytea[]
) RETURNS bigint[] LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_lock bigint;
    v_versions bigint[] := '{}';
    v_version bigint;
    v_entities bigint;
    v_from bigint;
    v_is_there boolean;
    v_change bigint;
    v_old_indexes bigint[];
    v_old_values bytea[];
    v_indexes bigint[];
    v_values bytea[];
BEGIN
    PERFORM pg_advisory_xact_lock_shared(p_catalogue);
    FOREACH v_lock IN ARRAY p_locks LOOP
        PERFORM pg_advisory_xact_lock(v_lock);
    END LOOP;
    IF coalesce((SELECT next FROM counter WHERE name = 'catalogue'), 0) <> p_epoch THEN
        RETURN ARRAY[-1];
    END IF;
    FOR i IN 1 .. cardinality(p_watched_roots) LOOP
        IF coalesce((
            SELECT version FROM entity_group
            WHERE namespace = p_watched_names[i] AND root = p_watched_roots[i]
        ), 0) <> p_watched_versions[i] THEN
            RETURN ARRAY[-2, i];
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(p_paths) LOOP
        IF p_inserts[i] AND EXISTS (
            SELECT 1 FROM entity WHERE kind_id = p_kinds[i] AND path = p_paths[i]
        ) THEN
            RETURN ARRAY[-3, i];
        END IF;
    END LOOP;
    FOR i IN 1 .. cardinality(p_paths) LOOP
        SELECT row_indexes, row_values INTO v_old_indexes, v_old_values
            FROM entity WHERE kind_id = p_kinds[i] AND path = p_paths[i];
        v_is_there := FOUND;
        IF NOT v_is_there THEN
            v_old_indexes := '{}';
            v_old_values := '{}';
            IF p_bodies[i] IS NULL THEN
                v_versions := v_versions || p_now;
                CONTINUE;
            END IF;
        END IF;
        v_change := (p_bodies[i] IS NOT NULL)::integer - v_is_there::integer;
        INSERT INTO entity_group AS g
            VALUES (p_names[i], p_roots[i], p_now, v_change)
            ON CONFLICT (namespace, root) DO UPDATE SET
                version = greatest(excluded.version, g.version + 1),
                entities = g.entities + excluded.entities
            RETURNING version, entities INTO v_version, v_entities;
        IF v_entities <= 0 THEN
            DELETE FROM entity_group
                WHERE namespace = p_names[i] AND root = p_roots[i];
        END IF;
        v_versions := v_versions || v_version;
        v_from := CASE WHEN i = 1 THEN 1 ELSE p_ends[i - 1] + 1 END;
        v_indexes := p_indexes[v_from : p_ends[i]];
        v_values := p_values[v_from : p_ends[i]];
        IF p_bodies[i] IS NULL THEN
            DELETE FROM entity WHERE kind_id = p_kinds[i] AND path = p_paths[i];
        ELSIF v_is_there THEN
            UPDATE entity SET version = v_version, body = p_bodies[i],
                row_indexes = v_indexes, row_values = v_values
                WHERE kind_id = p_kinds[i] AND path = p_paths[i];
        ELSE
            INSERT INTO entity VALUES (
                p_kinds[i], p_paths[i], v_version, p_bodies[i], v_indexes, v_values
            );
        END IF;
        IF v_old_indexes = v_indexes AND v_old_values = v_values THEN
            CONTINUE;
        END IF;
        IF cardinality(v_old_indexes) > 0 THEN
            DELETE FROM index_row AS r USING (
                SELECT * FROM unnest(v_old_indexes, v_old_values)
                EXCEPT SELECT * FROM unnest(v_indexes, v_values)
            ) AS gone (index_id, value)
            WHERE r.index_id = gone.index_id AND r.value = gone.value
                AND r.path = p_paths[i];
        END IF;
        INSERT INTO index_row
            SELECT new.index_id, new.value, p_paths[i]
            FROM unnest(v_indexes, v_values) AS new (index_id, value)
            ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN v_versions;
END $$
"""
