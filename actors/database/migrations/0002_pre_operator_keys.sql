-- An operator's key may also ask for what costs much or concerns the whole cluster; those that there are may not.
alter table api_keys add column operator boolean not null default false;
