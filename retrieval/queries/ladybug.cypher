// name: schema_entity
CREATE NODE TABLE IF NOT EXISTS Entity(key STRING PRIMARY KEY, id STRING, tenant STRING, labels STRING[])

// name: schema_evidence
CREATE NODE TABLE IF NOT EXISTS Evidence(row INT64 PRIMARY KEY, id STRING, tenant STRING, labels STRING[], t0 INT64,
  recorded_at INT64, superseded_at INT64)

// name: schema_progress
CREATE NODE TABLE IF NOT EXISTS Progress(key STRING PRIMARY KEY, applied INT64)

// name: schema_link
CREATE REL TABLE IF NOT EXISTS <<link>>(FROM Entity TO Entity, labels STRING[])

// name: schema_relation
CREATE REL TABLE IF NOT EXISTS <<relation>>(FROM Evidence TO Entity)

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
CREATE (:Evidence {row: r.row, id: r.id, tenant: $tenant, labels: r.labels, t0: r.t0, recorded_at: r.recorded_at,
  superseded_at: r.superseded_at})

// name: clear_relations
UNWIND $rows AS r
MATCH (e:Evidence {row: r})-[x:<<relations>>]->(:Entity)
DELETE x

// name: clear_relations_of
MATCH (e:Evidence {row: $row})-[x:<<relations>>]->(:Entity)
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
UNWIND $ids AS i
MATCH (e:Evidence)
WHERE e.id = i AND e.tenant = $tenant
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
  AND list_has_any(a.labels, $audiences) AND list_has_any(x.labels, $audiences) AND list_has_any(b.labels, $audiences)
RETURN DISTINCT a.id AS near, label(x) AS relation, b.id AS far

// name: evidence
MATCH (e:Evidence)-[:<<relations>>]->(n:Entity)
WHERE n.key IN $keys AND n.tenant = $tenant AND e.tenant = $tenant
  AND e.recorded_at <= $known AND e.superseded_at > $known
  AND list_has_any(e.labels, $audiences)
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
RETURN e.row AS row, label(x) AS relation, n.key AS key

// name: held_entities
MATCH (n:Entity)
RETURN n.tenant AS tenant, n.id AS id, n.key AS key, n.labels AS labels

// name: held_links
MATCH (a:Entity)-[x:<<links>>]->(b:Entity)
RETURN a.tenant AS tenant, a.id AS source, label(x) AS link, b.key AS target, x.labels AS labels

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
