"""What Postgres is asked, over the tables that LangGraph's own store makes. Texts only.

A search by meaning compares every vector under its prefix: an index over all owners' vectors would
find the nearest of all first, and an owner's own would be missing among them. A listing is in the
order of writing, ties broken, so pages neither repeat nor skip items.
"""

_ITEM = "store.prefix, store.key, store.value, store.created_at, store.updated_at"
_UNDER = r"(store.prefix = %(prefix)s OR store.prefix LIKE %(below)s ESCAPE '\')"

GET = f"""
    SELECT {_ITEM} FROM store
    JOIN unnest(%s::text[], %s::text[]) AS asked (prefix, key) USING (prefix, key)
"""
SEARCH = f"""
    SELECT {_ITEM} FROM store WHERE {_UNDER}
    ORDER BY store.created_at, store.prefix, store.key LIMIT %(limit)s OFFSET %(offset)s
"""
NEAREST = f"""
    SELECT {_ITEM}, max(1 - (embedding <=> %(vector)s::vector)) AS score
    FROM store JOIN store_vectors AS v ON v.prefix = store.prefix AND v.key = store.key
    WHERE {_UNDER} AND embedding IS NOT NULL
    GROUP BY store.prefix, store.key
    ORDER BY score DESC, store.created_at, store.prefix, store.key
    LIMIT %(limit)s OFFSET %(offset)s
"""
NAMESPACES = f"SELECT DISTINCT store.prefix FROM store WHERE {_UNDER}"
ROWS = f"""
    SELECT {_ITEM}, ARRAY(
        SELECT field_name FROM store_vectors AS v
        WHERE v.prefix = store.prefix AND v.key = store.key ORDER BY field_name
    ) AS fields
    FROM store WHERE (prefix, key) > (%s, %s) ORDER BY prefix, key LIMIT %s
"""
COUNT = "SELECT count(*) AS items FROM store"

PUT = """
    INSERT INTO store (prefix, key, value) VALUES (%s, %s, %s)
    ON CONFLICT (prefix, key) DO UPDATE
    SET value = EXCLUDED.value, updated_at = CURRENT_TIMESTAMP
"""
RESTORE = """
    INSERT INTO store (prefix, key, value, created_at, updated_at) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (prefix, key) DO UPDATE SET value = EXCLUDED.value,
    created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at
"""
DROP_VECTORS = "DELETE FROM store_vectors WHERE prefix = %s AND key = %s"
ADD_VECTOR = """
    INSERT INTO store_vectors (prefix, key, field_name, embedding) VALUES (%s, %s, %s, %s)
    ON CONFLICT (prefix, key, field_name) DO UPDATE SET embedding = EXCLUDED.embedding
"""
DELETE = "DELETE FROM store WHERE prefix = %s AND key = %s"
CLEAR = f"DELETE FROM store WHERE {_UNDER} RETURNING key"
