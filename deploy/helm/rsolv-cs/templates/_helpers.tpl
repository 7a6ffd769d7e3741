{{- define "rsolv-cs.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rsolv-cs.own" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rsolv-cs.labels" -}}
{{ include "rsolv-cs.own" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "rsolv-cs.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "rsolv-cs.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "rsolv-cs.claim" -}}
{{- .Values.storage.existingClaim | default (printf "%s-data" (include "rsolv-cs.fullname" .)) -}}
{{- end -}}

{{- /* The settings without a secret: what the chart decides, then what the installation says, then what follows from its host. */ -}}
{{- define "rsolv-cs.settings" -}}
{{- $site := printf "https://%s" .Values.host -}}
{{- $owned := dict
  "LIVE" (ternary "1" "0" .Values.live.enabled)
  "WORKERS" (.Values.web.workers | int | toString)
  "THREADS" (.Values.web.threads | int | toString)
  "CSV_DIR" (ternary "/csv" "/data/csv" (ne .Values.storage.dropFolderClaim ""))
  "UPLOAD_DIR" "/data/uploads"
  "ARCHIVE_DIR" "/data/archive"
  "EXPORT_DIR" "/data/exports"
  "BACKUP_DIR" "/data/backups" -}}
{{- $usual := dict
  "ALLOWED_HOSTS" .Values.host
  "CSRF_TRUSTED_ORIGINS" $site
  "SITE_URL" $site
  "HTTPS" "1"
  "TRUSTED_PROXIES" "1"
  "LOG_FORMAT" "json" -}}
{{- toYaml (merge $owned .Values.settings $usual) -}}
{{- end -}}

{{- /* Of each pod. It needs nothing of Kubernetes itself. */ -}}
{{- define "rsolv-cs.pod" -}}
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
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "rsolv-cs.container" -}}
image: {{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "rsolv-cs.environment" -}}
envFrom:
  - secretRef:
      name: {{ .Values.existingSecret }}
  # The later one wins, so that no Secret says where things lie.
  - configMapRef:
      name: {{ include "rsolv-cs.fullname" . }}
{{- end -}}

{{- /* var/ is a pod's own: the socket of its live process, and what its processes count. */ -}}
{{- define "rsolv-cs.volumes" -}}
- name: var
  emptyDir:
    sizeLimit: 256Mi
- name: tmp
  emptyDir:
    sizeLimit: 2Gi
- name: data
  persistentVolumeClaim:
    claimName: {{ include "rsolv-cs.claim" . }}
{{- with .Values.storage.dropFolderClaim }}
- name: csv
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "rsolv-cs.mounts" -}}
- name: var
  mountPath: /app/var
- name: tmp
  mountPath: /tmp
- name: data
  mountPath: /data
{{- if .Values.storage.dropFolderClaim }}
- name: csv
  mountPath: /csv
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
