"""The version that the foot of each page names."""

from django import template

from rsolv_cs.version import application_version

register = template.Library()
register.simple_tag(application_version)
