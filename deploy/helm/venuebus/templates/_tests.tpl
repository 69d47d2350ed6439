{{/* The venue that `helm test` sends an order to: tests.venue, or the first that is not live. Never a live one. */}}
{{- define "venuebus.test.venue" -}}
{{- $wanted := .Values.tests.venue -}}
{{- if $wanted -}}
{{- $venue := get .Values.venues $wanted | default dict -}}
{{- if ne (toString $venue.live) "false" }}{{ fail (printf "tests.venue: %s is not a venue with live: false, and a test sends an order" $wanted) }}{{ end -}}
{{- $wanted -}}
{{- else -}}
{{- $found := "" -}}
{{- range $name := keys .Values.venues | sortAlpha -}}
{{- $venue := get $.Values.venues $name -}}
{{- if and (not $found) (eq (toString $venue.live) "false") (not (include "venuebus.venue.calls" $venue)) }}{{ $found = $name }}{{ end -}}
{{- end -}}
{{- $found -}}
{{- end -}}
{{- end }}
