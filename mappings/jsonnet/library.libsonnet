// The $.util library: the 14 documented functions. Names and parameter names are a contract with existing
// scripts (Jsonnet allows named arguments). `host(name)` gives a function of the host program; those take
// texts and numbers only, so arguments are checked here first.
// Every child process parses it once.
function(host)
  local member(obj, name) = if std.type(obj) == 'object' && name in obj then obj[name];

  // A path step with indexes: `name[0]`, `[0]`, `name[0][1]`. What is malformed is "not there", like a missing name.
  local indexed(value, step) =
    local parts = std.splitLimit(step, '[', -1);
    std.foldl(
      function(list, text) if std.type(list) == 'array' then
        local i = host('index')(text);
        if i != null && i < std.length(list) then list[i],
      parts[1:],
      if parts[0] == '' then value else member(value, parts[0]),
    );

  local step(value, name) = if std.member(name, '[') then indexed(value, name) else member(value, name);

  // The path as a function of the object, so that lists split it once. null means "not there"; nothing here raises.
  local reader(path, raw=false) =
    if std.type(path) != 'string' then function(obj) null
    else
      local steps = std.splitLimit(path, '.', -1), has_index = std.member(path, '[');
      if raw || std.length(steps) == 1 && !has_index then function(obj) member(obj, path)
      else function(obj) std.foldl(if has_index then step else member, steps, obj);

  local lookup_field(obj, path, default, raw=false) =
    local found = reader(path, raw)(obj);
    if found == null then default else found;

  // A list, or the usual wrapper `{results: [...]}` around one. Anything else counts as an empty list.
  local rows(results) =
    local inner = if std.type(results) == 'array' then results else member(results, 'results');
    if std.type(inner) == 'array' then inner else [];

  // Field Nation nests custom fields in groups; the caller may hold the whole payload, the work order, the
  // `custom_fields` value, a group or a flat list. First non-empty value, null when there is none.
  local first(values) = std.foldl(function(found, v) if found != null then found else v, values, null);
  local custom_value(id, node) =
    local kind = std.type(node);
    if kind == 'array' then
      first([
        if 'results' in n then custom_value(id, n.results) else if n.value != '' then n.value
        for n in node
        if std.type(n) == 'object' && ('results' in n || 'id' in n && std.toString(n.id) == id && 'value' in n)
      ])
    else if kind != 'object' then null
    else if 'value' in node then custom_value(id, [node])
    else first([
      custom_value(id, node[key])
      for key in ['custom_fields', 'results', 'internal', 'workorder']
      if key in node
    ]);

  local number(value) = if std.isNumber(value) then value else if std.isString(value) then host('number')(value);

  local answer(reply) = if std.isString(reply) then reply else error reply.sentence;

  // Texts pass, and for dates numbers (Unix seconds); the name tells the author which argument is wrong.
  local text(value, what, numbers=false) =
    if std.isString(value) || numbers && std.isNumber(value) then value
    else error '%s must be text, got %s' % [what, std.type(value)];

  local is_empty(value) = value == null || value == '';

  {
    lookup_field:: lookup_field,

    lookup_custom_field(id, obj, default='')::
      local found = if id != null then custom_value(std.toString(id), obj);
      if found == null then default else found,

    array_map(array_def, val, default)::
      local hits = [e for e in array_def if e.cmp == val];
      if hits == [] then default else std.get(hits[0], 'val'),

    // Taken right to left, so the leftmost band that still holds wins.
    range_map(range_def, val, default)::
      local n = number(val);
      if val == null then default
      else if n == null then error 'range_map needs a number, got ' + std.manifestJsonMinified(val)
      else std.foldr(function(e, acc) if n <= e.cmp then e.val else acc, range_def, default),

    date_convert(value, format_input, format_output, timezone_in='UTC', timezone_out='UTC')::
      if is_empty(value) then ''
      else answer(host('date_convert')(
        text(value, 'date_convert: value', numbers=true),
        text(format_input, 'date_convert: format_input'),
        text(format_output, 'date_convert: format_output'),
        text(timezone_in, 'date_convert: timezone_in'),
        text(timezone_out, 'date_convert: timezone_out'),
      )),

    date_time_format_fn_utc():: 'YYYY-MM-DD HH:mm:ss',

    date_add(value, format_input='')::
      if is_empty(value) then ''
      else answer(host('date_add')(
        text(value, 'date_add: value', numbers=true), text(format_input, 'date_add: format_input'),
      )),

    array_sum(array):: std.foldl(function(sum, n) if std.isNumber(n) then sum + n else sum, rows(array), 0),

    object_map_array(arr, map)::
      local columns = [{ key: map[source], read: reader(source) } for source in std.objectFields(map)];
      if std.length(std.set([c.key for c in columns])) < std.length(columns)
      then error 'object_map_array: two sources are mapped to one target key'
      else [{ [c.key]: c.read(e) for c in columns } for e in rows(arr)],

    results_values(results, field, default='', raw=false)::
      local read = reader(field, raw);
      [local found = read(e); if found == null then default else found for e in rows(results)],

    results_values_unique(results, field, default='', raw=false)::
      std.foldl(
        function(seen, value) if std.member(seen, value) then seen else seen + [value],
        self.results_values(results, field, default, raw),
        [],
      ),

    results_group_by(results, group_by_field, additional_filter, raw=false)::
      local kept = if additional_filter == null then rows(results) else std.filter(additional_filter, rows(results));
      local keyed = [{ key: std.toString(lookup_field(e, group_by_field, '', raw)), row: e } for e in kept];
      {
        [key]: [k.row for k in keyed if k.key == key]
        for key in std.set([k.key for k in keyed])
      },

    is_expense_approved_fn(expense)::
      local status = member(expense, 'status');
      status == 'approved' || std.type(status) == 'string' && std.asciiLower(status) == 'approved',

    sum_expense_field(expenses, field)::
      local read = reader(field);
      std.foldl(function(sum, e) local n = number(read(e)); if n == null then sum else sum + n, rows(expenses), 0),
  }
