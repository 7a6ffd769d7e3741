"""Our pages inside the admin."""

from django.urls import path

from analytics.alert_list import views as alert_views
from analytics.boards import views as board_views
from analytics.bulk import message_views
from analytics.bulk import views as bulk_views
from analytics.crm import views as crm_views
from analytics.customer_page import views as customer_views
from analytics.dashboard import column_views, export_views, neighbor_views, score_views, summary_views, views
from analytics.insights import cohort_views, effect_views, forecast_views, milestone_views
from analytics.my_day import views as my_day_views
from analytics.outreach import views as contact_views
from analytics.pages.etag import answers_refresh
from analytics.playbooks import views as playbook_views
from analytics.policy_lab import publish_views
from analytics.policy_lab import views as lab_views
from analytics.policy_lab.back_test import views as back_test_views
from analytics.reports import views as report_views
from analytics.rule_lab import views as rule_views
from analytics.tasks import views as task_views

app_name = "analytics"
urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("cohorts/", cohort_views.cohorts, name="cohorts"),
    path("cohorts/export/", cohort_views.export_cohorts, name="export-cohorts"),
    path("milestones/", milestone_views.milestone_page, name="milestones"),
    path("milestones/export/", milestone_views.export_milestones, name="export-milestones"),
    path("customer/<str:pk>/", customer_views.customer, name="customer"),
    path("my-day/", my_day_views.day, name="my-day"),
    path("needs/", my_day_views.needs, name="needs"),
    path("customer/<str:pk>/act/<str:act>/", my_day_views.act_on, name="act-on-customer"),
    path("customer/<str:pk>/notes/", customer_views.add_to_history, name="add-note"),
    path("alerts/", answers_refresh(alert_views.alerts), name="alerts"),
    path("alerts/act/", alert_views.act, name="act-on-alerts"),
    path("customer/<str:pk>/contact/", contact_views.compose, name="contact"),
    path("messages/<int:pk>/", contact_views.message, name="message"),
    path("reports/", report_views.reports, name="reports"),
    path("reports/save/", report_views.save, name="save-report"),
    path("reports/<int:pk>/", report_views.open_report, name="report"),
    path("reports/<int:pk>/edit/", report_views.edit, name="edit-report"),
    path("reports/<int:pk>/view/", report_views.change_view, name="change-report-view"),
    path("reports/<int:pk>/pin/", report_views.pin_as_tab, name="pin-report"),
    path("reports/<int:pk>/delete/", report_views.delete, name="delete-report"),
    path("reports/<int:pk>/export/<str:format>/", report_views.export, name="export-report"),
    path("board/", board_views.boards, name="boards"),
    path("board/new/", board_views.new_board, name="new-board"),
    path("board/<int:pk>/", board_views.board, name="board"),
    path("board/<int:pk>/edit/", board_views.edit_board, name="edit-board"),
    path("board/<int:pk>/tiles/", board_views.change_tiles, name="change-board-tiles"),
    path("board/<int:pk>/delete/", board_views.delete_board, name="delete-board"),
    path("export/", views.export_archive, name="export"),
    path("export/customers/<str:format>/", export_views.export_customers, name="export-customers"),
    path("assign/", bulk_views.assign, name="assign"),
    path("bulk/message/", message_views.message_many, name="message-customers"),
    path("bulk/<str:act>/", bulk_views.act_on_many, name="act-on-customers"),
    path("undo/", bulk_views.undo, name="undo"),
    path("tasks/", answers_refresh(task_views.task_page_list), name="tasks"),
    path("tasks/new/", task_views.new_task, name="new-task"),
    path("tasks/<int:pk>/", task_views.task, name="task"),
    path("playbooks/", playbook_views.playbooks, name="playbooks"),
    path("playbooks/<int:pk>/", playbook_views.playbook, name="playbook"),
    path("playbooks/<int:pk>/turn-on/", playbook_views.turn_playbook_on, name="turn-playbook-on"),
    path("playbooks/<int:pk>/turn-off/", playbook_views.turn_playbook_off, name="turn-playbook-off"),
    path("playbooks/stop/<int:pk>/", playbook_views.stop_playbook, name="stop-playbook"),
    path("playbooks/emails/<int:pk>/", playbook_views.playbook_email, name="playbook-email"),
    path("effects/", effect_views.effects, name="effects"),
    path("forecast/", forecast_views.accuracy, name="forecast"),
    path("forecast/cases/", forecast_views.cases, name="forecast-cases"),
    path("forecast/record/", forecast_views.record_dates, name="forecast-record"),
    path("score/", score_views.score_now, name="score-now"),
    path("customer/<str:pk>/next/", neighbor_views.neighbor, {"step": 1}, name="next-customer"),
    path("customer/<str:pk>/previous/", neighbor_views.neighbor, {"step": -1}, name="previous-customer"),
    path("policy-lab/<int:pk>/publish/", publish_views.publish_policy, name="publish-policy"),
    path("policy-lab/<int:pk>/withdraw/", publish_views.withdraw_policy, name="withdraw-policy"),
    path("policy-lab/<int:pk>/end/", publish_views.end_policy, name="end-policy"),
    path("columns/", column_views.keep, name="keep-columns"),
    path("summary/", summary_views.summary_page, name="summary"),
    path("policy-lab/", lab_views.drafts, name="policy-drafts"),
    path("policy-lab/<int:pk>/", lab_views.lab, name="policy-lab"),
    path("policy-lab/<int:pk>/preview/", lab_views.preview_part, name="policy-preview"),
    path("policy-lab/<int:pk>/export/<str:format>/", lab_views.export_preview, name="export-policy-preview"),
    path("policy-lab/<int:pk>/back-test/", back_test_views.back_test, name="policy-back-test"),
    path("policy-lab/<int:pk>/back-test/<str:day>/", back_test_views.month_customers, name="back-test-customers"),
    path("policy-lab/<int:pk>/suggest/", back_test_views.suggest_weights, name="suggest-weights"),
    path("customer/<str:pk>/sync/", crm_views.change_sync, name="change-sync"),
    path("destinations/<int:pk>/", crm_views.show_preview, name="push-preview"),
    path("destinations/<int:pk>/push/", crm_views.push_now, name="push-now"),
    path("pushes/<int:pk>/resume/", crm_views.resume_now, name="resume-push"),
    path("pushes/<int:pk>/undo/", crm_views.undo_now, name="undo-push"),
    path("pushes/<int:pk>/export/", crm_views.export_rows, name="export-push"),
    path("pushes/<int:pk>/file/", crm_views.download, name="push-file"),
    path("rule-lab/alert/", rule_views.try_alert_rule, name="try-alert-rule"),
    path("rule-lab/recommendation/", rule_views.try_recommendation, name="try-recommendation-rule"),
]
