//! Relations and what belongs to one: columns, constraints, indexes, sequences' parameters, rules, triggers, policies.

use super::{Class, Query};

pub(super) const ALL: &[Class] = &[
    Class::new("relation", RELATIONS),
    Class::new("column", COLUMNS),
    Class::new("constraint", CONSTRAINTS),
    Class::new("index", INDEXES),
    Class::new("sequence", SEQUENCES),
    Class::new("rule", RULES),
    Class::new("trigger", TRIGGERS),
    Class::new("policy", POLICIES),
    Class::new("foreign table", FOREIGN_TABLES),
];

const RELATIONS: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname), jsonb_build_object(
        'kind', c.relkind, 'persistence', c.relpersistence, 'owner', pg_get_userbyid(c.relowner),
        'acl', CASE c.relkind WHEN 'S' THEN ",
    acl!("c.relacl", "s", "c.relowner"),
    " ELSE ",
    acl!("c.relacl", "r", "c.relowner"),
    " END, 'options', ",
    sorted!("c.reloptions"),
    ", 'toast options', ",
    sorted!("toast.reloptions"),
    ", 'row security', c.relrowsecurity, 'forced row security', c.relforcerowsecurity,
        'replica identity', c.relreplident, 'access method', am.amname, 'tablespace', t.spcname,
        'of type', nullif(c.reloftype, 0)::regtype::text,
        'bound', pg_get_expr(c.relpartbound, c.oid),
        'partition key', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
        'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
        'populated', CASE WHEN c.relkind = 'm' THEN c.relispopulated END,
        'parents', (SELECT jsonb_agg(jsonb_build_array(inhparent::regclass::text,
                        to_jsonb(i) -> 'inhdetachpending') ORDER BY inhseqno) FROM pg_inherits i WHERE inhrelid = c.oid),
        'comment', obj_description(c.oid, 'pg_class'),
        'column order', (SELECT jsonb_agg(attname ORDER BY attnum) FROM pg_attribute
                         WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND c.relkind <> 'S'))
     FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
     LEFT JOIN pg_am am ON am.oid = c.relam
     LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ",
    of_users!()
);

// Up to 16 the default statistics target is -1, from 17 it is NULL. `to_jsonb(a)` finds what only a later major has.
// `pg_attver` is no option that somebody set: newer minor releases (seen in 15.20) number the changes of a column in it, and
// no two databases share the numbers.
const COLUMNS: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I.%I', n.nspname, c.relname, a.attname), jsonb_build_object(
        'type', format_type(a.atttypid, a.atttypmod),
        'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
        'not null', a.attnotnull, 'default', pg_get_expr(d.adbin, d.adrelid),
        'identity', nullif(a.attidentity, ''), 'generated', nullif(a.attgenerated, ''),
        'storage', a.attstorage, 'compression', nullif(to_jsonb(a) ->> 'attcompression', ''),
        'statistics', nullif(a.attstattarget::int, -1),
        'acl', CASE WHEN a.attacl <> '{}' THEN ",
    acl!("a.attacl", "c", "c.relowner"),
    " END, 'options', (SELECT jsonb_agg(item ORDER BY item) FROM unnest(a.attoptions) AS item
                           WHERE NOT starts_with(item, 'pg_attver=')), 'foreign options', ",
    sorted!("a.attfdwoptions"),
    ", 'local', a.attislocal, 'inherited', a.attinhcount, 'comment', col_description(c.oid, a.attnum))
     FROM pg_attribute a
     JOIN pg_class c ON c.oid = a.attrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_type t ON t.oid = a.atttypid
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND ",
    of_users!()
);

// The triggers that carry out a foreign key have oids in their names, but ALTER TABLE can disable them. NO INHERIT means
// something for CHECK and NOT NULL alone: a key of a partition has it or not as it was attached, as after a restored dump.
const CONSTRAINTS: Query = concat!(
    "SELECT n.nspname::text, c.relname::text,
        CASE WHEN k.conrelid = 0 THEN format('domain %s.%I', k.contypid::regtype, k.conname)
             ELSE format('%I.%I.%I', n.nspname, c.relname, k.conname) END,
        jsonb_build_object(
        'kind', k.contype, 'definition', pg_get_constraintdef(k.oid), 'deferrable', k.condeferrable,
        'deferred', k.condeferred, 'valid', k.convalidated, 'enforced', to_jsonb(k) -> 'conenforced',
        'local', k.conislocal, 'inherited', k.coninhcount,
        'no inherit', CASE WHEN k.contype IN ('c', 'n') THEN k.connoinherit END,
        'period', to_jsonb(k) -> 'conperiod',
        'index', nullif(k.conindid, 0)::regclass::text,
        'parent', (SELECT format('%s.%I', p.conrelid::regclass, p.conname) FROM pg_constraint p WHERE p.oid = k.conparentid),
        'triggers', (SELECT jsonb_agg(jsonb_build_array(tgrelid::regclass::text, tgfoid::regproc::text, tgtype, tgenabled)
                         ORDER BY tgrelid::regclass::text, tgfoid::regproc::text, tgtype)
                     FROM pg_trigger WHERE tgconstraint = k.oid AND tgisinternal),
        'comment', obj_description(k.oid, 'pg_constraint'))
     FROM pg_constraint k
     JOIN pg_namespace n ON n.oid = k.connamespace
     LEFT JOIN pg_class c ON c.oid = k.conrelid
     WHERE ",
    of_users!()
);

const INDEXES: Query = concat!(
    "SELECT n.nspname::text, t.relname::text, format('%I.%I', n.nspname, c.relname), jsonb_build_object(
        'table', i.indrelid::regclass::text, 'definition', pg_get_indexdef(i.indexrelid),
        'valid', i.indisvalid, 'ready', i.indisready, 'live', i.indislive, 'primary', i.indisprimary,
        'exclusion', i.indisexclusion, 'immediate', i.indimmediate,
        'clustered', i.indisclustered, 'replica identity', i.indisreplident, 'tablespace', s.spcname,
        'parent', (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = i.indexrelid),
        'statistics', (SELECT jsonb_object_agg(attnum, attstattarget) FROM pg_attribute
                       WHERE attrelid = i.indexrelid AND attstattarget >= 0),
        'comment', obj_description(c.oid, 'pg_class'))
     FROM pg_index i
     JOIN pg_class c ON c.oid = i.indexrelid
     JOIN pg_class t ON t.oid = i.indrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
     WHERE ",
    of_users!()
);

const SEQUENCES: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname), jsonb_build_object(
        'type', s.seqtypid::regtype::text, 'start', s.seqstart, 'increment', s.seqincrement, 'minimum', s.seqmin,
        'maximum', s.seqmax, 'cache', s.seqcache, 'cycle', s.seqcycle,
        'owned by', (SELECT jsonb_agg(jsonb_build_array(d.deptype, d.refobjid::regclass::text, a.attname))
                     FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                     WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
                       AND d.refclassid = 'pg_class'::regclass))
     FROM pg_sequence s
     JOIN pg_class c ON c.oid = s.seqrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ",
    of_users!()
);

const RULES: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I.%I', n.nspname, c.relname, r.rulename), jsonb_build_object(
        'definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled, 'comment', obj_description(r.oid, 'pg_rewrite'))
     FROM pg_rewrite r
     JOIN pg_class c ON c.oid = r.ev_class
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE r.rulename <> '_RETURN' AND ",
    of_users!()
);

const TRIGGERS: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I.%I', n.nspname, c.relname, t.tgname), jsonb_build_object(
        'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled,
        'inherited', to_jsonb(t) ->> 'tgparentid' <> '0', 'comment', obj_description(t.oid, 'pg_trigger'))
     FROM pg_trigger t
     JOIN pg_class c ON c.oid = t.tgrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal AND ",
    of_users!()
);

const POLICIES: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I.%I', n.nspname, c.relname, p.polname), jsonb_build_object(
        'command', p.polcmd, 'permissive', p.polpermissive, 'using', pg_get_expr(p.polqual, p.polrelid),
        'check', pg_get_expr(p.polwithcheck, p.polrelid),
        'roles', (SELECT jsonb_agg(role::regrole::text ORDER BY role::regrole::text) FROM unnest(p.polroles) AS role),
        'comment', obj_description(p.oid, 'pg_policy'))
     FROM pg_policy p
     JOIN pg_class c ON c.oid = p.polrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE ",
    of_users!()
);

const FOREIGN_TABLES: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname), jsonb_build_object(
        'server', s.srvname, 'options', ",
    sorted!("f.ftoptions"),
    ")
     FROM pg_foreign_table f
     JOIN pg_class c ON c.oid = f.ftrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_foreign_server s ON s.oid = f.ftserver
     WHERE ",
    of_users!()
);
