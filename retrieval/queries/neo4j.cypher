// name: schema_entity
CREATE CONSTRAINT entity_key IF NOT EXISTS FOR (n:Entity) REQUIRE n.key IS UNIQUE

// name: schema_evidence
CREATE CONSTRAINT evidence_row IF NOT EXISTS FOR (e:Evidence) REQUIRE e.row IS UNIQUE

// name: schema_evidence_id
CREATE INDEX evidence_id IF NOT EXISTS FOR (e:Evidence) ON (e.id)

// name: schema_progress
CREATE CONSTRAINT progress_key IF NOT EXISTS FOR (p:Progress) REQUIRE p.key IS UNIQUE

// name: known_rows
UNWIND $keys AS k
MATCH (e:Evidence {row: k})
RETURN e.row AS row

// name: known_entities
UNWIND $keys AS k
MATCH (n:Entity {key: k})
WHERE n.tenant = $tenant
RETURN n.key AS key

// name: set_evidence
UNWIND $rows AS r
MATCH (e:Evidence {row: r.row})
SET e.id = r.id, e.tenant = $tenant, e.labels = r.labels, e.t0 = r.t0,
    e.recorded_at = r.recorded_at, e.superseded_at = r.superseded_at

// name: add_evidence
UNWIND $rows AS r
MERGE (e:Evidence {row: r.row})
SET e.id = r.id, e.tenant = $tenant, e.labels = r.labels, e.t0 = r.t0,
    e.recorded_at = r.recorded_at, e.superseded_at = r.superseded_at

// name: clear_relations
UNWIND $rows AS r
MATCH (e:Evidence {row: r})-[x:<<relations>>]->(:Entity)
DELETE x

// name: touch_entities
UNWIND $rows AS r
MERGE (n:Entity {key: r.key})
ON CREATE SET n.id = r.id, n.tenant = $tenant, n.labels = r.labels

// name: upsert_entities
UNWIND $rows AS r
MERGE (n:Entity {key: r.key})
SET n.id = r.id, n.tenant = $tenant, n.labels = r.labels

// name: hang
UNWIND $rows AS r
MATCH (e:Evidence {row: r.row})
WHERE e.tenant = $tenant
MATCH (n:Entity {key: r.key})
WHERE n.tenant = $tenant
CREATE (e)-[:<<relation>>]->(n)

// name: held_rows
MATCH (e:Evidence)
WHERE e.id IN $ids AND e.tenant = $tenant
RETURN e.row AS row

// name: drop_rows
UNWIND $rows AS r
MATCH (e:Evidence {row: r})
WHERE e.tenant = $tenant
DETACH DELETE e

// name: clear_links
MATCH (a:Entity)-[x:<<links>>]->(b:Entity)
WHERE a.tenant = $tenant AND b.tenant = $tenant
DELETE x

// name: retire_entities
MATCH (n:Entity)
WHERE n.tenant = $tenant AND NOT n.key IN $keys
SET n.labels = $labels

// name: link
UNWIND $rows AS r
MATCH (a:Entity {key: r.source})
WHERE a.tenant = $tenant
MATCH (b:Entity {key: r.target})
WHERE b.tenant = $tenant
CREATE (a)-[:<<link>> {labels: r.labels}]->(b)

// name: neighbours
MATCH (a:Entity)-[x:<<links>>]-(b:Entity)
WHERE a.key IN $keys AND a.tenant = $tenant AND b.tenant = $tenant
  AND any(l IN a.labels WHERE l IN $audiences) AND any(l IN x.labels WHERE l IN $audiences) AND any(l IN b.labels WHERE l IN $audiences)
RETURN DISTINCT a.id AS near, type(x) AS relation, b.id AS far

// name: evidence
MATCH (e:Evidence)-[:<<relations>>]->(n:Entity)
WHERE n.key IN $keys AND n.tenant = $tenant AND e.tenant = $tenant
  AND e.recorded_at <= $known AND e.superseded_at > $known
  AND any(l IN e.labels WHERE l IN $audiences)
WITH e.id AS id, max(e.t0) AS t0
RETURN id, t0
ORDER BY t0 DESC, id
LIMIT $limit

// name: rows
MATCH (e:Evidence)
RETURN e.row AS row

// name: held_evidence
MATCH (e:Evidence)
RETURN e.row AS row, e.id AS id, e.tenant AS tenant, e.labels AS labels, e.t0 AS t0, e.recorded_at AS recorded_at,
  e.superseded_at AS superseded_at

// name: held_relations
MATCH (e:Evidence)-[x:<<relations>>]->(n:Entity)
RETURN e.row AS row, type(x) AS relation, n.key AS key

// name: held_entities
MATCH (n:Entity)
RETURN n.tenant AS tenant, n.id AS id, n.key AS key, n.labels AS labels

// name: held_links
MATCH (a:Entity)-[x:<<links>>]->(b:Entity)
RETURN a.tenant AS tenant, a.id AS source, type(x) AS link, b.key AS target, x.labels AS labels

// name: owners
MATCH (e:Evidence)
WHERE e.row IN $rows
RETURN e.tenant AS tenant, e.row AS row

// name: applied
MATCH (p:Progress {key: 'log'})
RETURN p.applied AS applied

// name: save_applied
MERGE (p:Progress {key: 'log'})
SET p.applied = $applied

// name: wipe
MATCH (n)
WHERE n:Evidence OR n:Entity OR n:Progress
WITH n LIMIT 5000
DETACH DELETE n
RETURN count(*) AS gone
