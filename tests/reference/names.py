"""Every object and command that the Control iD Access API names, by the section that does, and
why one is not there. What is there says so itself."""

from __future__ import annotations

from collections.abc import Mapping

OBJECTS: Mapping[str, str] = {
    "People and credentials": """
        users user_types user_roles groups user_groups templates face_templates cards qrcodes
        uhf_tags pins custom_thresholds contacts visits _visitors c_users c_visits custom_tables
        custom_columns opening_times whitelist
    """,
    "Places, rules, schedules": """
        areas portals portal_actions actions access_rules access_rule_actions portal_access_rules
        area_access_rules group_access_rules user_access_rules access_rule_time_zones
        access_rule_validations validations time_zones time_spans holidays scheduled_unlocks
        scheduled_unlock_access_rules portal_rules portal_portal_rules portal_rule_actions
        portal_rule_groups portal_rule_time_zones portal_rule_users portal_rule_validations
        access_log_portal_rules contingency_cards contingency_card_access_rules
        network_interlocking_rules
    """,
    "Identification machinery": """
        identification_rules scripts script_parameters script_instances portal_script_parameters
        integer_script_parameters text_script_parameters device_identification_rules
        user_identification_rules group_identification_rules device_actions device_clients devices
        sec_boxs wiegand_modes catra_infos log_types timed_alarms
    """,
    "Logs": """
        access_logs access_log_access_rules access_events alarm_logs change_logs audit_logs
        call_logs
    """,
    "Alarm zones and others": """
        alarm_zones alarm_zone_time_zones api_logins api_access_levels api_commands
        api_object_commands api_object_field_commands api_object_field_command_values
        api_login_api_access_levels reports report_columns report_filters report_column_formats
        fixed_report_columns counter_report_columns object_field_report_columns special_columns
    """,
    "Ours alone": """
        antipassback_areas antipassback_exemptions first_card_unlocks first_card_unlock_groups
        exception_modes custom_column_types portal_factor_modes
        threat_levels threat_level_groups occupancy_limits outside_areas escort_rules
        door_settings door_groups door_group_doors triggers
        door_operators door_operator_readers
        zone_sets zone_set_zones
        portal_gestures portal_gesture_groups portal_gesture_users
        elevator_floors
    """,
}

_LEVELS = "its columns are not documented; a login here has one of two roles"

ABSENT_OBJECTS: Mapping[str, str] = {
    "api_logins": "logins are kept apart from the objects, see `list_logins`",
    "api_access_levels": _LEVELS,
    "api_commands": _LEVELS,
    "api_object_commands": _LEVELS,
    "api_object_field_commands": _LEVELS,
    "api_object_field_command_values": _LEVELS,
    "api_login_api_access_levels": _LEVELS,
    "special_columns": "no table: `object_metadata` names it, since it gives `COUNT(*)` a name",
}

COMMANDS: Mapping[str, str] = {
    "Sessions": """
        login hidlogin logout session_is_valid change_login master_password user_hash_password
    """,
    "Objects": """
        load_objects create_objects create_or_modify_objects modify_objects destroy_objects
        object_metadata import_objects export_objects export_object backup_objects restore_objects
        object_add object_remove object_add_field object_add_fields object_remove_field
        object_remove_fields destroy_all template_sync_init template_sync_end
    """,
    "Reports and exports": """
        report_generate export_afd count_registers export_audit_logs
    """,
    "Actions and state": """
        execute_actions remote_user_authorization doors_state door_state gpio_state alarm_status
        buzzer_buzz message_to_screen turnstile_event_state get_catra_info
    """,
    "Enrolment and biometrics": """
        remote_enroll cancel_remote_enroll enroller_state enroller_biometry_state template_extract
        template_match template_create is_valid_biometry user_fingerprint
    """,
    "User photos": """
        user_get_image user_list_images user_get_image_list user_set_image user_set_image_list
        user_test_image user_destroy_image face_template_count_distinct
    """,
    "Configuration": "get_configuration set_configuration",
    "System": """
        system_information set_system_time set_ntp_server get_ntp_server set_system_network
        ssl_certificate_change configure_802_1X get_802_1X_status get_vpn_information
        set_vpn_information get_vpn_status has_vpn_file set_vpn_file get_vpn_file get_vpn_ip
        connection_test ping_test nslookup_test reboot reboot_recovery reset_to_factory_default
        update_from_custom_server delete_admins device_is_alive set_network_interlock
        secbox_is_active secbox_serial_number update_secbox_firmware update_secbox_firmware_status
        update_secbox_firmware_version
    """,
    "Look, sound, telephone": """
        logo logo_change logo_destroy send_video set_custom_video remove_custom_video
        led_rgb_refresh reread_leds_settings remote_led_control set_audio_access_message
        get_audio_access_message has_audio_access_messages save_screenshot make_sip_call
        finalize_sip_call get_sip_status set_pjsip_audio_message get_pjsip_audio_message
        has_pjsip_audio_message
    """,
    "Licences, readers, cloud, first run": """
        idflex_upgrade_enterprise upgrade_ten_thousand_face_templates
        upgrade_fifty_thousand_face_templates upgrade_hundred_thousand_face_templates
        license_change osdp_scbk get_osdp_installation_mode set_osdp_installation_mode
        change_idcloud_code get_language init_device_set get_countries is_first_web_login
        finish_init_language init_language_set accept_legal_terms get_ac_log tests
    """,
}

_COLUMNS = "tables and columns that clients make are not kept here; the formats are unverified"

ABSENT_COMMANDS: Mapping[str, str] = {
    "destroy_all": _COLUMNS,
    "tests": "the results of the vendor's factory tests",
}


def of_sections(sections: Mapping[str, str]) -> Mapping[str, list[str]]:
    """Section -> its names."""
    return {title: names.split() for title, names in sections.items()}
