"""Addresses of the site."""

from django.urls import path

from olympia.addons import views
from olympia.amo import views as amo

urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("addon/<slug:slug>/", views.detail, name="detail"),
    path("upload/", views.upload, name="upload"),
    path("upload/<uuid:identity>/", views.status, name="status"),
    path("upload/<uuid:identity>/status.json", views.status_json, name="status_json"),
    path("__version__", amo.version),
    path("__heartbeat__", amo.heartbeat),
    path("services/monitor.json", amo.monitor),
]
