{{- define "venuebus.egress.dns" -}}
{{- if .Values.networkPolicy.dns -}}
- to:
    - namespaceSelector: {}
      podSelector:
        matchLabels: { k8s-app: kube-dns }
  ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
{{- end }}
{{- end }}

{{/* Entries of { cidr, except, ports } */}}
{{- define "venuebus.egress.cidrs" -}}
{{- range . }}
- to:
    - ipBlock:
        cidr: {{ .cidr | quote }}
        {{- with .except }}
        except: {{- toYaml . | nindent 10 }}
        {{- end }}
  ports:
    {{- range .ports }}
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
{{- end }}
{{- end }}

{{/* DNS and NATS: what a bridge and the test need in any case. */}}
{{- define "venuebus.egress" -}}
{{ include "venuebus.egress.dns" . }}
{{- if .Values.nats.embedded.enabled }}
- to:
    - podSelector:
        matchLabels: {{- include "venuebus.selector" (list . "nats") | nindent 10 }}
  ports: [{ port: 4222, protocol: TCP }]
{{- else }}
{{- include "venuebus.egress.cidrs" .Values.networkPolicy.natsEgress }}
{{- end }}
{{- end }}
