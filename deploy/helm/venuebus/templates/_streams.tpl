{{/* The streams as the bridge verifies them (bus/streams.py); a test compares the two. */}}
{{- define "venuebus.streams" -}}
{{- $bus := include "venuebus.bus" . | fromJson -}}
{{- $prefix := $bus.prefix | default "vb" -}}
{{- $root := $prefix | upper | replace "." "_" -}}
{{- $subjects := printf "%s.v1" $prefix -}}
{{- $replicas := int ($bus.replicas | default 1) -}}
{{- $day := 86400 -}}
{{- $gib := 1073741824 -}}
{{- $file := dict "storage" "file" "replicas" $replicas "allowDirect" true "retention" "limits" -}}
{{- if .Values.nats.embedded.enabled }}{{ $_ := set $file "servers" (list (include "venuebus.nats.url" .)) }}{{ else }}{{ $_ := set $file "servers" .Values.bus.servers }}{{ end -}}
{{- with .Values.jetstream.account }}{{ $_ := set $file "account" . }}{{ $_ := unset $file "servers" }}{{ end -}}
{{- $age := dict "command" (mul 3 $day) "account" (mul 30 $day) "system" (mul 30 $day) "dead" (mul 30 $day) "market" (mul 7 $day) "hook" (mul 30 $day) -}}
{{- $size := dict "command" $gib "account" (mul 4 $gib) "system" (div $gib 4) "dead" $gib "market" (div $gib 2) "hook" $gib -}}
{{- range $kind := keys $age -}}
{{- with get $bus (printf "%s_max_age" $kind) }}{{ $_ := set $age $kind . }}{{ end -}}
{{- with get $bus (printf "%s_max_bytes" $kind) }}{{ $_ := set $size $kind . }}{{ end -}}
{{- end -}}
{{- $once := dict "maxMsgsPerSubject" 1 "discard" "new" "discardPerSubject" true "denyDelete" true "duplicateWindow" "120s" -}}
{{- $streams := list
  (mergeOverwrite (dict "name" (printf "%s_CMD" $root) "subjects" (list (printf "%s.cmd.>" $subjects)) "kind" "command") $once)
  (dict "name" (printf "%s_ACCT" $root) "subjects" (list (printf "%s.acct.>" $subjects)) "kind" "account" "discard" "old"
    "denyDelete" true "allowAtomicPublish" true "allowMsgTtl" true "duplicateWindow" (printf "%ds" (int64 ($bus.duplicate_window | default 600))))
  (dict "name" (printf "%s_SYS" $root) "subjects" (list (printf "%s.sys.>" $subjects)) "kind" "system")
  (dict "name" (printf "%s_DEAD" $root) "subjects" (list (printf "%s.dead.>" $subjects)) "kind" "dead")
  (dict "name" (printf "KV_%s_STATE" $root) "subjects" (list (printf "$KV.%s_STATE.>" $root)) "kind" "" "maxMsgsPerSubject" 1
    "discard" "new" "allowRollup" true "allowMsgTtl" true "denyDelete" true) -}}
{{- if include "venuebus.calls" . -}}
{{- $streams = append $streams (mergeOverwrite (dict "name" (printf "%s_HOOK" $root) "subjects" (list (printf "%s.hook.>" $subjects)) "kind" "hook") (deepCopy $once)) -}}
{{- end -}}
{{- $kept := include "venuebus.retained" . | fromJsonArray -}}
{{- if $kept -}}
{{- $of := list -}}
{{- range $kept }}{{ $of = append $of (printf "%s.md.%s.>" $subjects .) }}{{ end -}}
{{- $streams = append $streams (dict "name" (printf "%s_MD" $root) "subjects" $of "kind" "market" "maxMsgsPerSubject" 1 "discard" "old" "denyDelete" true) -}}
{{- end -}}
{{- $made := list -}}
{{- range $stream := $streams -}}
{{- if $stream.kind -}}
{{- $_ := set $stream "maxAge" (printf "%ds" (int64 (get $age $stream.kind))) -}}
{{- $_ := set $stream "maxBytes" (int64 (get $size $stream.kind)) -}}
{{- end -}}
{{- $made = append $made (mergeOverwrite (deepCopy $file) (omit $stream "kind")) -}}
{{- end -}}
{{ toJson $made }}
{{- end }}
