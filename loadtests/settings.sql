-- The settings on which durability rests: the server's own, and how the shards' commit lines commit, as the name of each
-- session tells. Where there is no such line, or one does not tell, it is unknown.
select name, setting
from pg_settings
where name in ('fsync', 'full_page_writes')
union all
select
  'synchronous_commit',
  coalesce(string_agg(distinct coalesce(substring(application_name from ' synchronous_commit=(.*)'), 'unknown'), ', '),
    'unknown')
from pg_stat_activity
where datname = current_database() and application_name ~ '^holdfast-.*-commit( |$)'
order by name
