{{/* What every pod of this chart has in common: no rights, no writable root, no token of the API server. */}}

{{- define "venuebus.pod.common" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ ternary (printf "%s-venuebus" .Release.Name) .Values.serviceAccount.name .Values.serviceAccount.create | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "venuebus.container.common" -}}
image: {{ include "venuebus.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* (list $ component extra-label-value): never two of a group on one node */}}
{{- define "venuebus.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: {{ (index . 0).Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- index . 1 | nindent 8 }}
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- index . 1 | nindent 8 }}
{{- end }}

{{/* (list $ size storageClassName): a claim's spec */}}
{{- define "venuebus.claim" -}}
accessModes: [ReadWriteOnce]
{{- with index . 2 }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ index . 1 | quote }}
{{- end }}

{{/* (list $ name venue): the pod of one venue */}}
{{- define "venuebus.venue.pod" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $venue := index . 2 -}}
{{- $selector := printf "%s\nvenuebus/venue: %s" (include "venuebus.selector" (list $root "bridge")) (quote $name) -}}
{{ include "venuebus.pod.common" $root }}
terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
{{- with $root.Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $venue.standby }}
{{ include "venuebus.spread" (list $root $selector) }}
{{- end }}
containers:
  - name: bridge
    {{- include "venuebus.container.common" $root | nindent 4 }}
    args: [run, /etc/venuebus/config/venuebus.toml]
    {{- with concat $root.Values.env ($venue.env | default list) }}
    env: {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      - name: http
        containerPort: 8321
        protocol: TCP
    # Whether the process lives; never whether NATS or the venue does.
    startupProbe:
      httpGet: { path: /livez, port: http, scheme: HTTP }
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 30
    livenessProbe:
      httpGet: { path: /livez, port: http, scheme: HTTP }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    readinessProbe:
      httpGet: { path: /readyz, port: http, scheme: HTTP }
      periodSeconds: 5
      timeoutSeconds: 5
      failureThreshold: 2
    resources: {{- toYaml ($venue.resources | default $root.Values.resources) | nindent 6 }}
    volumeMounts:
      - { name: config, mountPath: /etc/venuebus/config, readOnly: true }
      {{- if $venue.secretName }}
      - { name: secrets, mountPath: /etc/venuebus/secrets, readOnly: true }
      {{- end }}
      {{- if $root.Values.bus.login.secretName }}
      - { name: bus-login, mountPath: /etc/venuebus/bus, readOnly: true }
      {{- end }}
      {{- if $root.Values.bus.tls.secretName }}
      - { name: bus-tls, mountPath: /etc/venuebus/tls, readOnly: true }
      {{- end }}
      {{- if and $root.Values.nats.embedded.enabled $root.Values.nats.embedded.tlsSecretName }}
      - { name: nats-ca, mountPath: /etc/venuebus/nats-ca, readOnly: true }
      {{- end }}
      - { name: data, mountPath: /var/lib/venuebus }
      - { name: tmp, mountPath: /tmp }
volumes:
  - name: config
    configMap:
      name: {{ include "venuebus.venue.name" (list $root $name) }}
  {{- with $venue.secretName }}
  - name: secrets
    secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
  {{- end }}
  {{- with $root.Values.bus.login.secretName }}
  - name: bus-login
    secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
  {{- end }}
  {{- with $root.Values.bus.tls.secretName }}
  - name: bus-tls
    secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
  {{- end }}
  {{- if and $root.Values.nats.embedded.enabled $root.Values.nats.embedded.tlsSecretName }}
  - name: nats-ca
    secret:
      secretName: {{ $root.Values.nats.embedded.tlsSecretName | quote }}
      defaultMode: 0440
      items: [{ key: ca.crt, path: ca.crt }]
  {{- end }}
  {{- if not $root.Values.spool.enabled }}
  - name: data
    emptyDir: {}
  {{- end }}
  - name: tmp
    emptyDir: { medium: Memory, sizeLimit: 64Mi }
{{- end }}
