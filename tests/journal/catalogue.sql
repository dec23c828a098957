-- name: catalogue
-- Everything that a migration can make, one line each; the order of columns in a table does not count.
select format('%s %s %s', relkind, relname, reloptions) as line
from pg_class
where relnamespace = 'public'::regnamespace
union all
select format(
  'column %s.%s %s null=%s default=%s collation=%s storage=%s compression=%s identity=%s generated=%s',
  relname, attname, format_type(atttypid, atttypmod), not attnotnull, pg_get_expr(adbin, adrelid),
  attcollation::regcollation, attstorage, attcompression, attidentity, attgenerated
)
from pg_attribute
join pg_class on pg_class.oid = attrelid
left join pg_attrdef on adrelid = attrelid and adnum = attnum
where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p') and attnum > 0 and not attisdropped
union all
select format('toast of %s %s', owner.relname, toast.reloptions)
from pg_class as owner
join pg_class as toast on toast.oid = owner.reltoastrelid
where owner.relnamespace = 'public'::regnamespace
union all
select format('index %s', pg_get_indexdef(indexrelid))
from pg_index
join pg_class on pg_class.oid = indrelid
where relnamespace = 'public'::regnamespace
union all
select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
from pg_constraint
where connamespace = 'public'::regnamespace
union all
select format('sequence %s', to_jsonb(pg_sequences) - 'last_value' - 'sequenceowner')
from pg_sequences
where schemaname = 'public'
union all
select format('function %s %s', oid::regprocedure, md5(prosrc))
from pg_proc
where pronamespace = 'public'::regnamespace
union all
select format('trigger %s', pg_get_triggerdef(pg_trigger.oid))
from pg_trigger
where not tgisinternal
union all
select format('type %s %s', typname, array(select enumlabel from pg_enum where enumtypid = pg_type.oid order by enumsortorder))
from pg_type
where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
order by line;
