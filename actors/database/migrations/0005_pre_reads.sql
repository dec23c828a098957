-- Which of its layouts an event has: what is shown of its seats refers to their places in that one.
alter table availability add column layout_version integer not null default 1;
