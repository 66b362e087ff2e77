//! What stands beside the schema: extensions, publications, statistics, event triggers, defaults, foreign servers.

use super::{Class, Query};

pub(super) const ALL: &[Class] = &[
    Class::new("extension", EXTENSIONS),
    Class::new("extension member", EXTENSION_MEMBERS),
    Class::new("publication", PUBLICATIONS),
    Class::new("published relation", PUBLISHED_RELATIONS).from(15),
    Class::new("published relation", PUBLISHED_RELATIONS_14).until(14),
    Class::new("published schema", PUBLISHED_SCHEMAS).from(15),
    Class::new("statistics", STATISTICS),
    Class::new("event trigger", EVENT_TRIGGERS),
    Class::new("default privileges", DEFAULT_PRIVILEGES),
    Class::new("foreign data wrapper", FOREIGN_DATA_WRAPPERS),
    Class::new("foreign server", FOREIGN_SERVERS),
    Class::new("user mapping", USER_MAPPINGS),
    Class::new("setting", SETTINGS),
];

const EXTENSIONS: Query = "SELECT n.nspname::text, NULL, format('%I', e.extname), jsonb_build_object(
        'version', e.extversion, 'schema', n.nspname, 'owner', pg_get_userbyid(e.extowner),
        'comment', obj_description(e.oid, 'pg_extension'))
     FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace";

// One line for all members: which objects belong to it is its script's business, but ALTER EXTENSION can change it.
const EXTENSION_MEMBERS: Query = "SELECT NULL, NULL, format('%I', e.extname), jsonb_build_object(
        'members', jsonb_agg(pg_describe_object(d.classid, d.objid, d.objsubid)
                       ORDER BY pg_describe_object(d.classid, d.objid, d.objsubid)))
     FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
     WHERE d.deptype = 'e' GROUP BY e.extname";

const PUBLICATIONS: Query =
    "SELECT NULL, NULL, format('%I', p.pubname), (to_jsonb(p) - ARRAY['oid', 'pubname', 'pubowner'])
        || jsonb_build_object('owner', pg_get_userbyid(p.pubowner), 'comment', obj_description(p.oid, 'pg_publication'))
     FROM pg_publication p";

const PUBLISHED_RELATIONS: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I: %I.%I', p.pubname, n.nspname, c.relname), jsonb_build_object(
        'filter', pg_get_expr(r.prqual, r.prrelid),
        'columns', (SELECT jsonb_agg(a.attname ORDER BY a.attname) FROM pg_attribute a
                    WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)))
     FROM pg_publication_rel r
     JOIN pg_publication p ON p.oid = r.prpubid
     JOIN pg_class c ON c.oid = r.prrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ",
    of_users!()
);

const PUBLISHED_RELATIONS_14: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I: %I.%I', p.pubname, n.nspname, c.relname), '{}'::jsonb
     FROM pg_publication_rel r
     JOIN pg_publication p ON p.oid = r.prpubid
     JOIN pg_class c ON c.oid = r.prrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ",
    of_users!()
);

const PUBLISHED_SCHEMAS: Query = "SELECT n.nspname::text, NULL, format('%I: %I', p.pubname, n.nspname), '{}'::jsonb
     FROM pg_publication_namespace s
     JOIN pg_publication p ON p.oid = s.pnpubid
     JOIN pg_namespace n ON n.oid = s.pnnspid";

const STATISTICS: Query = concat!(
    "SELECT n.nspname::text, c.relname::text, format('%I.%I', n.nspname, s.stxname), jsonb_build_object(
        'definition', pg_get_statisticsobjdef(s.oid), 'target', nullif((to_jsonb(s) ->> 'stxstattarget')::int, -1),
        'owner', pg_get_userbyid(s.stxowner), 'comment', obj_description(s.oid, 'pg_statistic_ext'))
     FROM pg_statistic_ext s
     JOIN pg_class c ON c.oid = s.stxrelid
     JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ",
    of_users!()
);

const EVENT_TRIGGERS: Query = "SELECT NULL, NULL, format('%I', t.evtname), jsonb_build_object(
        'event', t.evtevent, 'function', t.evtfoid::regprocedure::text, 'enabled', t.evtenabled,
        'tags', to_jsonb(t.evttags), 'owner', pg_get_userbyid(t.evtowner),
        'comment', obj_description(t.oid, 'pg_event_trigger'))
     FROM pg_event_trigger t";

const DEFAULT_PRIVILEGES: Query =
    "SELECT n.nspname::text, NULL, format('%I in %s of %s', pg_get_userbyid(d.defaclrole),
        coalesce(quote_ident(n.nspname), 'every schema'), d.defaclobjtype),
        jsonb_build_object('acl', (SELECT jsonb_agg(item::text ORDER BY item::text) FROM unnest(d.defaclacl) AS item))
     FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace";

const FOREIGN_DATA_WRAPPERS: Query = concat!(
    "SELECT NULL, NULL, format('%I', w.fdwname), jsonb_build_object(
        'handler', w.fdwhandler::regproc::text, 'validator', w.fdwvalidator::regproc::text,
        'owner', pg_get_userbyid(w.fdwowner), 'options', ",
    sorted!("w.fdwoptions"),
    ", 'acl', ",
    acl!("w.fdwacl", "F", "w.fdwowner"),
    ", 'comment', obj_description(w.oid, 'pg_foreign_data_wrapper')) FROM pg_foreign_data_wrapper w"
);

const FOREIGN_SERVERS: Query = concat!(
    "SELECT NULL, NULL, format('%I', s.srvname), jsonb_build_object(
        'wrapper', (SELECT fdwname FROM pg_foreign_data_wrapper WHERE oid = s.srvfdw), 'type', s.srvtype,
        'version', s.srvversion, 'owner', pg_get_userbyid(s.srvowner), 'options', ",
    sorted!("s.srvoptions"),
    ", 'acl', ",
    acl!("s.srvacl", "S", "s.srvowner"),
    ", 'comment', obj_description(s.oid, 'pg_foreign_server')) FROM pg_foreign_server s"
);

const USER_MAPPINGS: Query = "SELECT NULL, NULL, format('%I on %I', usename, srvname), jsonb_build_object(
        'options', (SELECT jsonb_agg(item ORDER BY item) FROM unnest(umoptions) AS item))
     FROM pg_user_mappings";

// ALTER DATABASE … SET, and ALTER ROLE … IN DATABASE … SET, of this database.
const SETTINGS: Query = "SELECT NULL, NULL, CASE setrole WHEN 0 THEN 'everybody' ELSE setrole::regrole::text END,
        jsonb_build_object('list', (SELECT jsonb_agg(item ORDER BY item) FROM unnest(setconfig) AS item))
     FROM pg_db_role_setting
     WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())";
