-- Who claims a block says so first, in the catalogue: no older cluster moves it any more.

alter table blocks add column claiming_generation bigint not null default 0;
